"""Requests to destroy keys are the platform's: read and written outside every account's scope, or in their own's."""

from django.db import migrations

WALLS = """
ALTER TABLE accounts_keydestruction ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_keydestruction FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON accounts_keydestruction
    USING ((SELECT current_account()) IS NULL OR account_id = (SELECT current_account()))
    WITH CHECK ((SELECT current_account()) IS NULL OR account_id = (SELECT current_account()));
CREATE POLICY owner ON accounts_keydestruction TO portal_owner USING (true) WITH CHECK (true);
"""
DROP_WALLS = """
DROP POLICY owner ON accounts_keydestruction;
DROP POLICY platform ON accounts_keydestruction;
ALTER TABLE accounts_keydestruction NO FORCE ROW LEVEL SECURITY;
ALTER TABLE accounts_keydestruction DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0017_recovery_code_pepper")]

    operations = [migrations.RunSQL(WALLS, DROP_WALLS)]
