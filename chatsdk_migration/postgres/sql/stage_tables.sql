-- Session-local tables of one connection, created once and emptied between channels.
-- Column types are those of the target, so that every value PostgreSQL would refuse is found while copying.
CREATE TEMPORARY TABLE stage_user (
    id varchar(255) NOT NULL, name varchar(255), image_url text, custom_data jsonb NOT NULL,
    last_active_at timestamptz, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
CREATE TEMPORARY TABLE stage_member (
    user_id varchar(255) NOT NULL, role varchar(50) NOT NULL, muted boolean NOT NULL, joined_at timestamptz NOT NULL,
    unread_count integer, last_read timestamptz, reads_all boolean NOT NULL
);
CREATE TEMPORARY TABLE stage_message (
    stream_id text NOT NULL, id uuid NOT NULL, user_id varchar(255) NOT NULL, text text, attachments jsonb NOT NULL,
    parent_stream_id text, quoted_stream_id text, poll_id uuid, created_at timestamptz NOT NULL,
    created_ns smallint NOT NULL, edited_at timestamptz, deleted_at timestamptz
);
CREATE TEMPORARY TABLE stage_mention (
    id uuid NOT NULL, message_id uuid NOT NULL, mentioned_user_id varchar(255) NOT NULL,
    mentioner_user_id varchar(255) NOT NULL, created_at timestamptz NOT NULL
);
CREATE TEMPORARY TABLE stage_pin (message_id uuid NOT NULL, pinned_by varchar(255) NOT NULL, pinned_at timestamptz NOT NULL);
CREATE TEMPORARY TABLE stage_poll (
    id uuid NOT NULL, message_id uuid NOT NULL, question text NOT NULL, options jsonb NOT NULL,
    is_anonymous boolean NOT NULL, is_multi_choice boolean NOT NULL, total_votes integer NOT NULL,
    ends_at timestamptz, created_by varchar(255) NOT NULL, created_at timestamptz NOT NULL
);
CREATE TEMPORARY TABLE stage_vote (
    poll_id uuid NOT NULL, user_id varchar(255) NOT NULL, option_id varchar(50) NOT NULL, voted_at timestamptz NOT NULL
);
CREATE TEMPORARY TABLE stage_reaction (
    line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL, user_id varchar(255) NOT NULL, emoji varchar(50) NOT NULL, created_at timestamptz NOT NULL
);
CREATE TEMPORARY TABLE stage_loss (
    entity text NOT NULL, kind text NOT NULL, stream_id text NOT NULL, occurrences bigint NOT NULL, detail text NOT NULL
);
CREATE TEMPORARY TABLE stage_reject (
    entity text NOT NULL, stream_id text NOT NULL, code text NOT NULL, reason text NOT NULL, record jsonb NOT NULL,
    message_stream_id text NOT NULL, record_key text NOT NULL, mapped boolean NOT NULL
);
-- What a Stream id of a message resolves to: present means it is in the target or will be; rank numbers the new ones.
CREATE TEMPORARY TABLE stage_known (stream_id text NOT NULL, id uuid NOT NULL, rank bigint, present boolean NOT NULL, line tid);
-- The new messages in the order in which they get their sequence numbers.
CREATE TEMPORARY TABLE stage_plan (
    rank bigint PRIMARY KEY, stream_id text NOT NULL, id uuid NOT NULL, user_id varchar(255) NOT NULL, text text,
    attachments jsonb NOT NULL, parent_id uuid, parent_rank bigint, reply_to_id uuid, reply_to_rank bigint,
    reply_count integer NOT NULL, poll_id uuid, created_at timestamptz NOT NULL, edited_at timestamptz,
    deleted_at timestamptz, mentioned varchar(255)[]
);
CREATE TEMPORARY TABLE stage_reader (user_id varchar(255) NOT NULL, last_read timestamptz, reads_all boolean NOT NULL);
-- Links to make when all messages are in.
CREATE TEMPORARY TABLE stage_link (
    line bigint GENERATED ALWAYS AS IDENTITY UNIQUE, id uuid PRIMARY KEY, parent_id uuid, reply_to_id uuid
);
