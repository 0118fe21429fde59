-- One message as the live server stores it; the caller's transaction has set app.current_app_id.
-- The id is a UUIDv7. The sender's own copy counts as read (flag 1); nobody else's does.
WITH sent AS (
    INSERT INTO public.message (id, channel_id, app_id, user_id, seq, text)
    VALUES (%(id)s, %(channel_id)s, %(app_id)s, %(user_id)s, public.next_channel_seq(%(channel_id)s), %(text)s)
    RETURNING id, channel_id, app_id, user_id, seq
), fanned_out AS (
    INSERT INTO public.user_message (user_id, app_id, message_id, flags)
    SELECT m.user_id, m.app_id, sent.id, CASE WHEN m.user_id = sent.user_id THEN 1 ELSE 0 END
    FROM sent JOIN public.channel_member AS m ON m.channel_id = sent.channel_id AND m.app_id = sent.app_id
)
SELECT id::text, seq FROM sent;
