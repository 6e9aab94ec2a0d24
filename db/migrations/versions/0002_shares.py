"""Files know their share and their folder; their signature leaves out the device, which changes with each mount."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SIGHTING = sa.table(
    "sighting", sa.column("id"), sa.column("path", sa.LargeBinary), sa.column("folder"), sa.column("signature")
)

SLICE = 10_000  # rows in memory at once


def upgrade() -> None:
    with op.batch_alter_table("sighting") as table:
        table.add_column(sa.Column("share", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("folder", sa.LargeBinary(), nullable=False, server_default=""))
    connection, last = op.get_bind(), -1
    change = SIGHTING.update().where(SIGHTING.c.id == sa.bindparam("row"))
    change = change.values(folder=sa.bindparam("inside"), signature=sa.bindparam("without_device"))
    some = sa.select(SIGHTING.c.id, SIGHTING.c.path, SIGHTING.c.signature).order_by(SIGHTING.c.id).limit(SLICE)
    while rows := connection.execute(some.where(SIGHTING.c.id > last)).all():
        last = rows[-1].id
        connection.execute(
            change,
            [
                {"row": id_, "inside": path.rpartition(b"/")[0], "without_device": signature.partition(":")[2]}
                for id_, path, signature in rows
            ],
        )
    with op.batch_alter_table("sighting") as table:
        table.alter_column("share", existing_type=sa.Text(), server_default=None)
        table.alter_column("folder", existing_type=sa.LargeBinary(), server_default=None)
        table.create_index("ix_sighting_folder", ["root", "folder"])
