from django.db import migrations

# What a platform admin sees of accounts: names and figures, in a scope that only the platform's door opens.
OVERVIEW = """
CREATE FUNCTION account_overview(wanted uuid, OUT account uuid, OUT owners text[], OUT links bigint,
                                 OUT last_activity timestamptz)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT a.id,
           ARRAY(SELECT u.username::text FROM projects_membership m JOIN accounts_user u ON u.id = m.user_id
                  WHERE m.account_id = a.id AND m.role = 'owner' ORDER BY u.username),
           (SELECT count(*) FROM accounts_trustlink l
             WHERE l.state = 'active' AND a.id IN (l.lender_id, l.borrower_id)),
           (SELECT e.at FROM accounts_auditevent e WHERE e.account_id = a.id ORDER BY e.at DESC, e.id DESC LIMIT 1)
      FROM accounts_account a
     WHERE platform_reader() = 'admin' AND (wanted IS NULL OR a.id = wanted)
$$;
CREATE FUNCTION account_links(wanted uuid, OUT lender text, OUT borrower text, OUT state text, OUT ends_at timestamptz)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT l.lender_label, l.borrower_label, l.state, l.ends_at FROM accounts_trustlink l
     WHERE platform_reader() = 'admin' AND wanted IN (l.lender_id, l.borrower_id) ORDER BY l.id DESC LIMIT 100
$$;
REVOKE EXECUTE ON FUNCTION account_overview(uuid), account_links(uuid) FROM PUBLIC;
"""
DROP = """
DROP FUNCTION account_links(uuid);
DROP FUNCTION account_overview(uuid);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0005_token_form"),
        ("accounts", "0012_account_lifecycle"),
    ]

    operations = [migrations.RunSQL(OVERVIEW, DROP)]
