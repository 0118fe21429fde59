-- Channels, their members and their sequence numbers.

CREATE TABLE public.channel (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    app_id uuid REFERENCES public.app (id) ON DELETE CASCADE,
    cid varchar(255) NOT NULL,
    type varchar(50) NOT NULL DEFAULT 'messaging',
    name varchar(255),
    image_url text,
    config jsonb DEFAULT '{}',
    member_count integer DEFAULT 0,
    message_count integer DEFAULT 0,
    last_message_at timestamptz,
    created_by varchar(255),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    workspace_id uuid REFERENCES public.workspace (id),
    idempotency_key varchar(255),
    UNIQUE (app_id, cid)
);
CREATE INDEX idx_channel_app_idempotency_key ON public.channel (app_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX idx_channel_workspace ON public.channel (workspace_id) WHERE workspace_id IS NOT NULL;

CREATE TABLE public.channel_seq (
    channel_id uuid PRIMARY KEY REFERENCES public.channel (id) ON DELETE CASCADE,
    current_seq bigint DEFAULT 0,
    app_id uuid NOT NULL REFERENCES public.app (id) ON DELETE CASCADE
);
CREATE INDEX idx_channel_seq_app ON public.channel_seq (app_id, channel_id);

CREATE TABLE public.channel_member (
    channel_id uuid NOT NULL REFERENCES public.channel (id) ON DELETE CASCADE,
    app_id uuid NOT NULL,
    user_id varchar(255) NOT NULL,
    role varchar(50) DEFAULT 'member',
    last_read_message_id uuid,
    last_read_seq bigint DEFAULT 0,
    unread_count integer DEFAULT 0,
    muted boolean DEFAULT false,
    joined_at timestamptz DEFAULT now(),
    starred boolean DEFAULT false,
    PRIMARY KEY (channel_id, app_id, user_id),
    FOREIGN KEY (app_id, user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_channel_member_starred ON public.channel_member (app_id, user_id, starred) WHERE starred = true;

-- The next number of a channel. The row lock it takes lasts until the caller's transaction ends, so two writers
-- never get one number; a rolled back caller gives its number back.
CREATE FUNCTION public.next_channel_seq(channel uuid) RETURNS bigint
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO public.channel_seq AS counter (channel_id, app_id, current_seq)
    SELECT c.id, c.app_id, 1 FROM public.channel AS c WHERE c.id = next_channel_seq.channel
    ON CONFLICT (channel_id) DO UPDATE SET current_seq = counter.current_seq + 1
    RETURNING current_seq;
END;
