"""Reports have kinds and ask questions, corrections come back; a prediction knows how unsure it is.

Indices serve what a report asks of a long ledger.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PREDICTION = sa.table(
    "prediction",
    sa.column("id"),
    sa.column("probabilities", sa.JSON),
    sa.column("stacked", sa.JSON),
    sa.column("margin"),
    sa.column("disagreement"),
)

SLICE = 10_000  # rows in memory at once

# What begins one of the new indices needs none of its own, and nothing is sought by label alone.
USELESS: dict[str, list[str]] = {
    "media": ["received_at"],
    "sighting": ["seen_at", "deployment_id"],
    "observation": ["captured_at", "deployment_id", "label"],
}
USEFUL: dict[str, list[tuple[str, ...]]] = {
    "media": [("received_at", "integrity")],
    "sighting": [("seen_at", "state"), ("deployment_id", "seen_at")],
    "prediction": [("predicted_at", "media_id"), ("media_id", "predicted_at")],
    "observation": [("deployment_id", "captured_at", "time_source"), ("captured_at", "decision")],
}


def upgrade() -> None:
    _reports()
    _questions()
    _corrections()
    with op.batch_alter_table("job_run") as table:
        table.add_column(sa.Column("missed", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("job_run") as table:
        table.alter_column("missed", existing_type=sa.Integer(), server_default=None)
    job_run = sa.table("job_run", sa.column("kind"))
    op.execute(job_run.update().where(job_run.c.kind == "report").values(kind="nightly report"))
    _doubts()
    _indices()


def _reports() -> None:
    with op.batch_alter_table("report") as table:
        table.add_column(sa.Column("kind", sa.String(20), nullable=False, server_default="asked"))
        table.add_column(sa.Column("token", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("free_bytes", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("events", sa.JSON(), nullable=False, server_default="{}"))
    report = sa.table("report", sa.column("id"), sa.column("kind"), sa.column("token"), sa.column("nightly"))
    op.execute(report.update().where(report.c.nightly.is_(sa.true())).values(kind="nightly"))
    # Reports from before asked nothing, so no corrections name them: any distinct text will do.
    op.execute(report.update().values(token=sa.literal("before-") + sa.cast(report.c.id, sa.Text)))
    with op.batch_alter_table("report") as table:
        table.alter_column("kind", existing_type=sa.String(20), server_default=None)
        table.alter_column("token", existing_type=sa.Text(), server_default=None)
        table.alter_column("events", existing_type=sa.JSON(), server_default=None)
        table.create_unique_constraint("uq_report_token", ["token"])
        table.create_index("ix_report_kind", ["kind"])
        table.drop_column("nightly")


def _questions() -> None:
    op.create_table(
        "question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Integer(), nullable=False),
        sa.Column("region", sa.Integer(), nullable=False),
        sa.Column("prediction_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name="fk_question_report_id"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_question_media_id"),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], name="fk_question_prediction_id"),
        sa.PrimaryKeyConstraint("id", name="pk_question"),
        sa.UniqueConstraint("report_id", "media_id", "region", name="uq_question_report_id_media_id_region"),
    )
    op.create_index("ix_question_media_id", "question", ["media_id"])


def _corrections() -> None:
    op.create_table(
        "corrections_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_corrections_file"),
    )
    for column in ("place", "sha256", "document"):
        op.create_index(f"ix_corrections_file_{column}", "corrections_file", [column])


def _doubts() -> None:
    with op.batch_alter_table("prediction") as table:
        table.add_column(sa.Column("margin", sa.Double(), nullable=False, server_default="1"))
        table.add_column(sa.Column("disagreement", sa.Double(), nullable=False, server_default="0"))
    connection, last = op.get_bind(), -1
    change = PREDICTION.update().where(PREDICTION.c.id == sa.bindparam("row"))
    change = change.values(margin=sa.bindparam("ahead"), disagreement=sa.bindparam("apart"))
    columns = sa.select(PREDICTION.c.id, PREDICTION.c.probabilities, PREDICTION.c.stacked)
    some = columns.order_by(PREDICTION.c.id).limit(SLICE)
    while rows := connection.execute(some.where(PREDICTION.c.id > last)).all():
        last = rows[-1].id
        connection.execute(change, [{"row": id_, **_doubt(said, together)} for id_, said, together in rows])
    with op.batch_alter_table("prediction") as table:
        table.alter_column("margin", existing_type=sa.Double(), server_default=None)
        table.alter_column("disagreement", existing_type=sa.Double(), server_default=None)


def _doubt(said: dict[str, list[float]], together: list[float]) -> dict[str, float]:
    first, *others = sorted(together, reverse=True) or [1.0]
    apart = [sum(abs(p - q) for p, q in zip(one, together, strict=True)) / 2 for one in said.values()]
    return {"ahead": first - others[0] if others else 1.0, "apart": sum(apart) / len(apart) if apart else 0.0}


def _indices() -> None:
    for table, columns in USELESS.items():
        for column in columns:
            op.drop_index(f"ix_{table}_{column}", table)
    for table, indices in USEFUL.items():
        for together in indices:
            op.create_index(f"ix_{table}_{'_'.join(together)}", table, list(together))
    op.create_index(
        "ix_observation_stale",
        "observation",
        ["media_id"],
        sqlite_where=sa.text("stale = 1"),
        postgresql_where=sa.text("stale"),
    )
