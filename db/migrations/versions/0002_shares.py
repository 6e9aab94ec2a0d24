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


def upgrade() -> None:
    with op.batch_alter_table("sighting") as table:
        table.add_column(sa.Column("share", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("folder", sa.LargeBinary(), nullable=False, server_default=""))
    connection = op.get_bind()
    rows = connection.execute(sa.select(SIGHTING.c.id, SIGHTING.c.path, SIGHTING.c.signature)).all()
    changed = [
        {"row": row.id, "inside": row.path.rpartition(b"/")[0], "without_device": row.signature.partition(":")[2]}
        for row in rows
    ]
    if changed:
        change = SIGHTING.update().where(SIGHTING.c.id == sa.bindparam("row"))
        connection.execute(
            change.values(folder=sa.bindparam("inside"), signature=sa.bindparam("without_device")), changed
        )
    with op.batch_alter_table("sighting") as table:
        table.alter_column("share", existing_type=sa.Text(), server_default=None)
        table.alter_column("folder", existing_type=sa.LargeBinary(), server_default=None)
        table.create_index("ix_sighting_folder", ["root", "folder"])
