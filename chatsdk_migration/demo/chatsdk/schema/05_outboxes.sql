-- Work queues of the server. A row of event_outbox is pushed to clients at once: a migration never writes one.

CREATE TABLE public.search_index_outbox (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    app_id uuid NOT NULL REFERENCES public.app (id) ON DELETE CASCADE,
    message_id uuid NOT NULL,
    operation text NOT NULL CHECK (operation IN ('index', 'update', 'delete')),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    locked_at timestamptz,
    completed_at timestamptz,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_search_index_outbox_app_status ON public.search_index_outbox (app_id, status, created_at);
CREATE INDEX idx_search_index_outbox_due ON public.search_index_outbox (next_attempt_at, created_at)
    WHERE status IN ('pending', 'failed');
CREATE INDEX idx_search_index_outbox_stale_processing ON public.search_index_outbox (locked_at, created_at)
    WHERE status = 'processing';
CREATE UNIQUE INDEX idx_search_index_outbox_unique_active
    ON public.search_index_outbox (app_id, message_id, operation)
    WHERE status IN ('pending', 'processing', 'failed');

CREATE TABLE public.event_outbox (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    app_id uuid NOT NULL REFERENCES public.app (id) ON DELETE CASCADE,
    aggregate_type varchar(50) NOT NULL,
    aggregate_id varchar(255) NOT NULL,
    event_type varchar(100) NOT NULL,
    channels text[] NOT NULL,
    payload jsonb NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'published', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    locked_at timestamptz,
    published_at timestamptz,
    last_error text,
    idempotency_key varchar(255),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_event_outbox_app_status ON public.event_outbox (app_id, status, created_at);
CREATE INDEX idx_event_outbox_due ON public.event_outbox (next_attempt_at, created_at)
    WHERE status IN ('pending', 'failed');
CREATE INDEX idx_event_outbox_idempotency_key ON public.event_outbox (idempotency_key)
    WHERE idempotency_key IS NOT NULL;
