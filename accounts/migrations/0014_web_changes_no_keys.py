"""The web's role reads protection keys and makes first versions; it changes none, and says nothing of rotations.

Rotating, retiring, counting and destroying is the workers' (`portal_system`).
"""

from django.db import migrations

# To lock a row FOR KEY SHARE, which sealing does, PostgreSQL asks for the right to update some column of it.
PRIVILEGES = """
REVOKE UPDATE, DELETE, TRUNCATE ON accounts_accountkey, accounts_platformkey, accounts_keyrotation FROM portal_app;
GRANT UPDATE (counted_at) ON accounts_accountkey, accounts_platformkey TO portal_app;
CREATE FUNCTION web_makes_first_keys_only() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF current_user = 'portal_app' AND (NEW.version <> 1 OR NEW.state <> 'active') THEN
        RAISE EXCEPTION 'The web makes the first version of a key only.' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER web_makes_first_keys_only BEFORE INSERT ON accounts_accountkey
    FOR EACH ROW EXECUTE FUNCTION web_makes_first_keys_only();
CREATE TRIGGER web_makes_first_keys_only BEFORE INSERT ON accounts_platformkey
    FOR EACH ROW EXECUTE FUNCTION web_makes_first_keys_only();
"""
RESTORE = """
DROP TRIGGER web_makes_first_keys_only ON accounts_platformkey;
DROP TRIGGER web_makes_first_keys_only ON accounts_accountkey;
DROP FUNCTION web_makes_first_keys_only();
REVOKE UPDATE (counted_at) ON accounts_accountkey, accounts_platformkey FROM portal_app;
GRANT UPDATE, DELETE ON accounts_accountkey, accounts_platformkey, accounts_keyrotation TO portal_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_audit_searches"),
    ]

    operations = [migrations.RunSQL(PRIVILEGES, RESTORE)]
