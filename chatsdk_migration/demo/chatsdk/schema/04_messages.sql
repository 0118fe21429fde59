-- Messages and everything that hangs on one message.

CREATE TABLE public.poll (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id uuid,
    app_id uuid NOT NULL,
    question text NOT NULL,
    options jsonb NOT NULL,
    is_anonymous boolean DEFAULT false,
    is_multi_choice boolean DEFAULT false,
    total_votes integer DEFAULT 0,
    ends_at timestamptz,
    created_by varchar(255) NOT NULL,
    created_at timestamptz DEFAULT now(),
    FOREIGN KEY (app_id, created_by) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_poll_app ON public.poll (app_id, created_at DESC);
CREATE INDEX idx_poll_message ON public.poll (message_id);

CREATE TABLE public.message (
    id uuid PRIMARY KEY,
    channel_id uuid REFERENCES public.channel (id) ON DELETE CASCADE,
    app_id uuid NOT NULL,
    user_id varchar(255) NOT NULL,
    seq bigint NOT NULL,
    text text,
    attachments jsonb DEFAULT '[]',
    voice_url text,
    voice_duration_ms integer,
    voice_waveform jsonb,
    video_url text,
    video_thumbnail_url text,
    video_duration_ms integer,
    parent_id uuid REFERENCES public.message (id),
    reply_to_id uuid REFERENCES public.message (id),
    reply_count integer DEFAULT 0,
    embedding_id varchar(255),
    status varchar(20) DEFAULT 'sent',
    shadowed boolean DEFAULT false,
    deleted_at timestamptz,
    edited_at timestamptz,
    created_at timestamptz DEFAULT now(),
    poll_id uuid REFERENCES public.poll (id),
    link_previews jsonb DEFAULT '[]',
    deleted_by varchar(255),
    delete_reason text,
    hard_deleted_at timestamptz,
    purge_after timestamptz,
    legal_hold_until timestamptz,
    legal_hold_reason text,
    FOREIGN KEY (app_id, user_id) REFERENCES public.app_user (app_id, id)
);
-- Not unique, in ChatSDK neither: nothing but channel_seq keeps two messages from sharing a number.
CREATE INDEX idx_message_channel_seq ON public.message (channel_id, seq);
CREATE INDEX idx_message_created_at ON public.message (created_at DESC);
CREATE INDEX idx_message_parent ON public.message (parent_id) WHERE parent_id IS NOT NULL;

-- A poll and its message point at each other.
ALTER TABLE public.poll ADD FOREIGN KEY (message_id) REFERENCES public.message (id) ON DELETE CASCADE;

-- last_message_at becomes the time of the row inserted last, not the latest time: rows must come in time order.
CREATE FUNCTION public.update_channel_on_message() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE public.channel
    SET message_count = message_count + 1, last_message_at = NEW.created_at, updated_at = now()
    WHERE id = NEW.channel_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER trg_update_channel_on_message AFTER INSERT ON public.message
    FOR EACH ROW EXECUTE FUNCTION public.update_channel_on_message();

CREATE TABLE public.poll_vote (
    poll_id uuid NOT NULL REFERENCES public.poll (id) ON DELETE CASCADE,
    app_id uuid NOT NULL,
    user_id varchar(255) NOT NULL,
    option_id varchar(50) NOT NULL,
    voted_at timestamptz DEFAULT now(),
    PRIMARY KEY (poll_id, app_id, user_id, option_id),
    FOREIGN KEY (app_id, user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_poll_vote_poll ON public.poll_vote (poll_id);
CREATE INDEX idx_poll_vote_user ON public.poll_vote (app_id, user_id);

-- flags: 1 read, 2 mentioned, 4 starred, 8 muted.
CREATE TABLE public.user_message (
    user_id varchar(255) NOT NULL,
    app_id uuid NOT NULL,
    message_id uuid NOT NULL REFERENCES public.message (id) ON DELETE CASCADE,
    flags integer DEFAULT 0,
    PRIMARY KEY (app_id, user_id, message_id),
    FOREIGN KEY (app_id, user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_user_message_mentioned ON public.user_message (app_id, user_id, message_id) WHERE flags & 2 <> 0;
CREATE INDEX idx_user_message_unread ON public.user_message (app_id, user_id, message_id) WHERE flags & 1 = 0;

CREATE TABLE public.reaction (
    message_id uuid NOT NULL REFERENCES public.message (id) ON DELETE CASCADE,
    app_id uuid NOT NULL,
    user_id varchar(255) NOT NULL,
    emoji varchar(50) NOT NULL,
    created_at timestamptz DEFAULT now(),
    PRIMARY KEY (message_id, app_id, user_id, emoji),
    FOREIGN KEY (app_id, user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);

CREATE TABLE public.mention (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id uuid REFERENCES public.message (id) ON DELETE CASCADE,
    app_id uuid NOT NULL,
    mentioned_user_id varchar(255) NOT NULL,
    mentioner_user_id varchar(255) NOT NULL,
    created_at timestamptz DEFAULT now(),
    FOREIGN KEY (app_id, mentioned_user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE,
    FOREIGN KEY (app_id, mentioner_user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_mention_message ON public.mention (message_id);
CREATE INDEX idx_mention_user ON public.mention (app_id, mentioned_user_id, created_at DESC);

CREATE TABLE public.pinned_message (
    channel_id uuid NOT NULL REFERENCES public.channel (id) ON DELETE CASCADE,
    message_id uuid NOT NULL REFERENCES public.message (id) ON DELETE CASCADE,
    app_id uuid NOT NULL,
    pinned_by varchar(255) NOT NULL,
    pinned_at timestamptz DEFAULT now(),
    PRIMARY KEY (channel_id, message_id),
    FOREIGN KEY (app_id, pinned_by) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_pinned_channel ON public.pinned_message (channel_id, pinned_at DESC);

CREATE TABLE public.read_receipt (
    message_id uuid NOT NULL REFERENCES public.message (id) ON DELETE CASCADE,
    app_id uuid NOT NULL,
    user_id varchar(255) NOT NULL,
    read_at timestamptz DEFAULT now(),
    PRIMARY KEY (message_id, app_id, user_id),
    FOREIGN KEY (app_id, user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_read_receipt_message ON public.read_receipt (message_id);
CREATE INDEX idx_read_receipt_user ON public.read_receipt (app_id, user_id, read_at DESC);

CREATE TABLE public.upload (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    app_id uuid REFERENCES public.app (id) ON DELETE CASCADE,
    channel_id uuid REFERENCES public.channel (id) ON DELETE CASCADE,
    user_id varchar(255) NOT NULL,
    filename varchar(255) NOT NULL,
    content_type varchar(100) NOT NULL,
    size bigint NOT NULL,
    storage_key text NOT NULL,
    url text,
    width integer,
    height integer,
    duration_ms integer,
    thumbnail_url text,
    blurhash varchar(50),
    status varchar(20) DEFAULT 'pending',
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    thumbnail_storage_key text,
    purged_at timestamptz,
    purge_reason text,
    FOREIGN KEY (app_id, user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_upload_channel ON public.upload (channel_id, created_at DESC);
CREATE INDEX idx_upload_storage_key ON public.upload (app_id, storage_key);
CREATE INDEX idx_upload_thumbnail_storage_key ON public.upload (app_id, thumbnail_storage_key)
    WHERE thumbnail_storage_key IS NOT NULL;
CREATE INDEX idx_upload_user ON public.upload (app_id, user_id, created_at DESC);
