-- Which tenant the session works for. Every row-level security policy asks these two functions.
-- Both settings are unset by default: then no row is visible and no row can be written.

CREATE SCHEMA IF NOT EXISTS chatsdk;

-- NULL when unset; set_config(..., true) leaves an empty string behind once the transaction has ended.
CREATE FUNCTION chatsdk.current_app_id() RETURNS uuid
    LANGUAGE sql STABLE
    RETURN NULLIF(current_setting('app.current_app_id', true), '')::uuid;

CREATE FUNCTION chatsdk.is_system_context() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN COALESCE(current_setting('app.system_context', true), '') = 'true';
