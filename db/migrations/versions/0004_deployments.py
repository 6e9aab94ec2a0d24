"""A deployment keeps all that Camtrap DP knows of one, so that exports can say it again."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "name": sa.Text(),
    "location": sa.Text(),
    "coordinate_uncertainty": sa.Integer(),
    "setup_by": sa.Text(),
    "camera_model": sa.Text(),
    "camera_delay": sa.Integer(),
    "camera_height": sa.Double(),
    "camera_depth": sa.Double(),
    "camera_tilt": sa.Integer(),
    "camera_heading": sa.Integer(),
    "detection_distance": sa.Double(),
    "timestamp_issues": sa.Boolean(),
    "bait": sa.Boolean(),
    "feature": sa.Text(),
    "habitat": sa.Text(),
    "groups": sa.Text(),
    "tags": sa.Text(),
    "comments": sa.Text(),
}


def upgrade() -> None:
    with op.batch_alter_table("deployment") as table:
        for name, kind in COLUMNS.items():
            table.add_column(sa.Column(name, kind, nullable=True))
