-- The tenant, and the people and places of one tenant. All tables are public, as ChatSDK creates them.

CREATE TABLE public.app (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    -- ChatSDK takes 32 random bytes from pgcrypto; two random UUIDs give as many hex digits without the extension.
    api_key varchar(64) NOT NULL UNIQUE
        DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
    api_secret varchar(64) NOT NULL
        DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
    webhook_url text,
    settings jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE public.app_user (
    id varchar(255) NOT NULL,
    app_id uuid NOT NULL REFERENCES public.app (id) ON DELETE CASCADE,
    name varchar(255),
    image_url text,
    custom_data jsonb DEFAULT '{}',
    last_active_at timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    tokens_valid_after timestamptz NOT NULL DEFAULT to_timestamp(0),
    PRIMARY KEY (app_id, id)
);

CREATE TABLE public.workspace (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    app_id uuid REFERENCES public.app (id) ON DELETE CASCADE,
    name varchar(255) NOT NULL,
    type varchar(50) DEFAULT 'team',
    image_url text,
    config jsonb DEFAULT '{}',
    member_count integer DEFAULT 0,
    channel_count integer DEFAULT 0,
    created_by varchar(255),
    expires_at timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    UNIQUE (app_id, name)
);
CREATE INDEX idx_workspace_app ON public.workspace (app_id, created_at DESC);
CREATE INDEX idx_workspace_expires ON public.workspace (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE public.user_block (
    blocker_user_id varchar(255) NOT NULL,
    blocked_user_id varchar(255) NOT NULL,
    app_id uuid NOT NULL,
    blocked_at timestamptz DEFAULT now(),
    PRIMARY KEY (app_id, blocker_user_id, blocked_user_id),
    FOREIGN KEY (app_id, blocked_user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE,
    FOREIGN KEY (app_id, blocker_user_id) REFERENCES public.app_user (app_id, id) ON DELETE CASCADE,
    CONSTRAINT no_self_block CHECK (blocker_user_id <> blocked_user_id)
);
CREATE INDEX idx_user_block_blocked ON public.user_block (app_id, blocked_user_id);
CREATE INDEX idx_user_block_blocker ON public.user_block (app_id, blocker_user_id);
