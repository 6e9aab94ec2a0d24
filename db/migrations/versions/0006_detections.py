"""What a detector saw: the files of results that were read, and their boxes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "detections_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_detections_file"),
    )
    for column in ("root", "place"):
        op.create_index(f"ix_detections_file_{column}", "detections_file", [column])
    op.create_table(
        "detection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("media_id", sa.Integer(), nullable=True),
        sa.Column("region", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(20), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ("confidence", "x", "y", "width", "height")),
        sa.ForeignKeyConstraint(["file_id"], ["detections_file.id"], name="fk_detection_file_id"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_detection_media_id"),
        sa.PrimaryKeyConstraint("id", name="pk_detection"),
        sa.UniqueConstraint("file_id", "path", "region", name="uq_detection_file_id_path_region"),
    )
    op.create_index("ix_detection_media_id", "detection", ["media_id"])
    op.create_index(
        "ix_detection_waiting",
        "detection",
        ["root", "path"],
        sqlite_where=sa.text("media_id IS NULL"),
        postgresql_where=sa.text("media_id IS NULL"),
    )
