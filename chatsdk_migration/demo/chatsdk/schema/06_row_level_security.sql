-- Forced row-level security on every tenant table: it binds the owner of the tables too, only a superuser or a
-- role with BYPASSRLS stands above it.

DO $$
DECLARE
    tenant_table regclass;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY[
        'public.app_user', 'public.workspace', 'public.user_block',
        'public.channel', 'public.channel_seq', 'public.channel_member',
        'public.message', 'public.user_message', 'public.reaction', 'public.mention', 'public.pinned_message',
        'public.poll', 'public.poll_vote', 'public.read_receipt', 'public.upload',
        'public.search_index_outbox', 'public.event_outbox'
    ]::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (app_id = chatsdk.current_app_id() OR chatsdk.is_system_context())',
            tenant_table
        );
    END LOOP;
END
$$;
