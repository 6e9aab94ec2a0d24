"""The model looks at each animal that a detector saw: boxes have names of their own, crops and answers."""

from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DETECTION = sa.table(
    "detection", *(sa.column(name) for name in ("id", "region", "category", "x", "y", "width", "height"))
)
SLICE = 10_000  # rows in memory at once


def upgrade() -> None:
    with op.batch_alter_table("prediction") as table:
        table.add_column(sa.Column("box", sa.JSON(), nullable=True))
        table.add_column(sa.Column("kept", sa.Text(), nullable=True))
    op.create_index(
        "ix_prediction_closely",
        "prediction",
        ["predicted_at", "media_id"],
        sqlite_where=sa.text("region > 0"),
        postgresql_where=sa.text("region > 0"),
    )
    _detections()
    _observations()
    _clocks()


def _detections() -> None:
    with op.batch_alter_table("detection") as table:
        table.add_column(sa.Column("kept", sa.Text(), nullable=True))
        table.add_column(
            sa.Column(
                "answered_by",
                sa.Integer(),
                sa.ForeignKey("prediction.id", name="fk_detection_answered_by"),
                nullable=True,
            )
        )
        table.drop_constraint("uq_detection_file_id_path_region", type_="unique")
    _name_boxes()
    with op.batch_alter_table("detection") as table:
        table.create_unique_constraint("uq_detection_file_id_path_region", ["file_id", "path", "region"])
    for name, columns, where in (
        ("uncut", ["root", "media_id"], "kept IS NULL AND category = 'animal'"),
        ("pending", ["id"], "answered_by IS NULL AND kept IS NOT NULL"),
    ):
        op.create_index(
            f"ix_detection_{name}",
            "detection",
            columns,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def _name_boxes() -> None:
    """Number boxes by what they are, where they had the order of their file; the same box twice is one."""
    connection, last = op.get_bind(), -1
    change = DETECTION.update().where(DETECTION.c.id == sa.bindparam("row")).values(region=sa.bindparam("number"))
    some = sa.select(DETECTION).where(DETECTION.c.region > 0).order_by(DETECTION.c.id).limit(SLICE)
    while rows := connection.execute(some.where(DETECTION.c.id > last)).all():
        last = rows[-1].id
        connection.execute(change, [{"row": row.id, "number": _number(row)} for row in rows])
    of = sa.table("detection", *(sa.column(name) for name in ("id", "file_id", "path", "region", "confidence"))).c
    place = sa.func.row_number().over(
        partition_by=[of.file_id, of.path, of.region], order_by=[of.confidence.desc(), of.id]
    )
    placed = sa.select(of.id, place.label("place")).subquery().c
    op.execute(DETECTION.delete().where(DETECTION.c.id.in_(sa.select(placed.id).where(placed.place > 1))))


def _number(row: Any) -> int:
    box = f"{row.category} {row.x} {row.y} {row.width} {row.height}"
    return int.from_bytes(sha256(box.encode()).digest()[:4]) % (2**31 - 1) + 1


def _observations() -> None:
    with op.batch_alter_table("observation") as table:
        table.add_column(sa.Column("leads", sa.Boolean(), nullable=False, server_default=sa.true()))
        table.add_column(
            sa.Column(
                "prediction_id",
                sa.Integer(),
                sa.ForeignKey("prediction.id", name="fk_observation_prediction_id"),
                nullable=True,
            )
        )
    with op.batch_alter_table("observation") as table:
        table.alter_column("leads", existing_type=sa.Boolean(), server_default=None)
    observation = sa.table("observation", sa.column("media_id"), sa.column("prediction_id"))
    media = sa.table("media", sa.column("id"), sa.column("answered_by"))
    answered = sa.select(media.c.answered_by).where(media.c.id == observation.c.media_id).scalar_subquery()
    op.execute(observation.update().values(prediction_id=answered))


def _clocks() -> None:
    """Let what is set right from now on be derived, and be found where it was taken, anew."""
    observation = sa.table("observation", sa.column("media_id"), sa.column("stale"))
    media = sa.table("media", sa.column("id"), sa.column("time_status"))
    wrong = sa.select(media.c.id).where(media.c.time_status == "implausible")
    op.execute(observation.update().where(observation.c.media_id.in_(wrong)).values(stale=sa.true()))
    op.execute(sa.table("inbox", sa.column("stations_digest")).update().values(stations_digest=""))
