"""Service levels that were kept stand beside those that were missed in the reports: those of before, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022_kept"
down_revision = "0021_campaigns"
branch_labels = None
depends_on = None

KINDS, KEPT, SLOT = 16, 12, 900
TARGETS = {"first": 1, "next": 2, "resolution": 3}
SQLITE = {
    "ended": "cast(strftime('%s', r.ended_at) as integer)",
    "began": "cast(strftime('%s', r.started_at) as integer)",
}
POSTGRESQL = {
    "ended": "cast(floor(extract(epoch from r.ended_at)) as bigint)",
    "began": "cast(floor(extract(epoch from r.started_at)) as bigint)",
}


def upgrade() -> None:
    at = SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL
    for target, value in TARGETS.items():
        op.execute(
            sa.text(
                f"""
                insert into measure (id, kind, slot, began, at, value, conversation_id, contact_id, channel, inbox_id,
                                     queue_id, agent_id, returned, hidden)
                select r.ended_id * {KINDS} + {KEPT + value - 1}, {KEPT}, {at["ended"]} / {SLOT},
                       {at["began"]} / {SLOT}, r.ended_at, {value}, r.conversation_id, c.contact_id, r.channel,
                       nullif(r.inbox_id, 0), r.queue_id, r.user_id, :false, c.merged_into is not null
                from service_result r join conversation c on c.id = r.conversation_id
                where r.met = :true and r.target = :target
                on conflict do nothing
                """
            ).bindparams(sa.bindparam("false", False), sa.bindparam("true", True), sa.bindparam("target", target))
        )
