"""The first ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("camera", sa.Text(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("start", sa.DateTime(), nullable=True),
        sa.Column("end", sa.DateTime(), nullable=True),
        sa.Column("clock_offset", sa.Integer(), nullable=False),
        sa.Column("captive", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
        sa.UniqueConstraint("key", name="uq_deployment_key"),
    )
    op.create_index("ix_deployment_station", "deployment", ["station"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("stations_digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("root", name="uq_inbox_root"),
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_job_run"),
        sa.UniqueConstraint("kind", "period", name="uq_job_run_kind_period"),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("picture_hash", sa.Text(), nullable=False),
        sa.Column("phash", sa.Text(), nullable=False),
        sa.Column("flat", sa.Boolean(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("orientation", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("encoding", sa.Text(), nullable=False),
        sa.Column("integrity", sa.Text(), nullable=False),
        sa.Column("camera_time", sa.DateTime(), nullable=True),
        sa.Column("camera_time_raw", sa.Text(), nullable=True),
        sa.Column("camera_offset", sa.Integer(), nullable=True),
        sa.Column("time_status", sa.Text(), nullable=False),
        sa.Column("time_source", sa.Text(), nullable=False),
        sa.Column("make", sa.Text(), nullable=True),
        sa.Column("camera_model", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("exif", sa.JSON(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_media"),
        sa.UniqueConstraint("sha256", name="uq_media_sha256"),
    )
    op.create_index("ix_media_camera_time", "media", ["camera_time"], unique=False)
    op.create_index(
        "ix_media_pending",
        "media",
        ["id"],
        unique=False,
        sqlite_where=sa.text("answered_by IS NULL"),
        postgresql_where=sa.text("answered_by IS NULL"),
    )
    op.create_index("ix_media_picture_hash", "media", ["picture_hash"], unique=False)
    op.create_index("ix_media_received_at", "media", ["received_at"], unique=False)
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model"),
        sa.UniqueConstraint("version", name="uq_model_version"),
    )
    op.create_table(
        "report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("written_at", sa.DateTime(), nullable=False),
        sa.Column("nightly", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
    )
    op.create_table(
        "link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Integer(), nullable=False),
        sa.Column("canonical_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["canonical_id"], ["media.id"], name="fk_link_canonical_id"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_link_media_id"),
        sa.PrimaryKeyConstraint("id", name="pk_link"),
        sa.UniqueConstraint("media_id", "canonical_id", "kind", name="uq_link_media_id_canonical_id_kind"),
    )
    op.create_index("ix_link_canonical_id", "link", ["canonical_id"], unique=False)
    op.create_table(
        "observation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Integer(), nullable=False),
        sa.Column("region", sa.Integer(), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=True),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("observation_type", sa.String(length=20), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("taxa", sa.JSON(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("worst_category", sa.Text(), nullable=True),
        sa.Column("redlist_version", sa.Text(), nullable=False),
        sa.Column("classification_method", sa.String(length=20), nullable=False),
        sa.Column("classified_by", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("captured_local", sa.DateTime(), nullable=False),
        sa.Column("captured_at", sa.DateTime(), nullable=False),
        sa.Column("time_source", sa.Text(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"], name="fk_observation_deployment_id"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_observation_media_id"),
        sa.PrimaryKeyConstraint("id", name="pk_observation"),
        sa.UniqueConstraint("media_id", "region", name="uq_observation_media_id_region"),
    )
    op.create_index("ix_observation_captured_at", "observation", ["captured_at"], unique=False)
    op.create_index("ix_observation_deployment_id", "observation", ["deployment_id"], unique=False)
    op.create_index("ix_observation_label", "observation", ["label"], unique=False)
    op.create_table(
        "prediction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Integer(), nullable=False),
        sa.Column("region", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("background", sa.Text(), nullable=True),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("stacked", sa.JSON(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("gradcam", sa.Text(), nullable=False),
        sa.Column("predicted_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_prediction_media_id"),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="fk_prediction_model_id"),
        sa.PrimaryKeyConstraint("id", name="pk_prediction"),
        sa.UniqueConstraint("media_id", "region", "model_id", name="uq_prediction_media_id_region_model_id"),
    )
    op.create_index("ix_prediction_model_id", "prediction", ["model_id"], unique=False)
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Integer(), nullable=False),
        sa.Column("region", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_review_media_id"),
        sa.PrimaryKeyConstraint("id", name="pk_review"),
    )
    op.create_index("ix_review_media_id", "review", ["media_id"], unique=False)
    op.create_table(
        "sighting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("path_text", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("file_time", sa.DateTime(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(), nullable=True),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("missing_since", sa.DateTime(), nullable=True),
        sa.Column("media_id", sa.Integer(), nullable=True),
        sa.Column("deployment_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"], name="fk_sighting_deployment_id"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_sighting_media_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sighting"),
        sa.UniqueConstraint("root", "path", "generation", name="uq_sighting_root_path_generation"),
    )
    op.create_index("ix_sighting_deployment_id", "sighting", ["deployment_id"], unique=False)
    op.create_index("ix_sighting_media_id", "sighting", ["media_id"], unique=False)
    op.create_index("ix_sighting_seen_at", "sighting", ["seen_at"], unique=False)
    op.create_index("ix_sighting_state", "sighting", ["state"], unique=False)
    # media and prediction name each other, so one of the two references comes last
    with op.batch_alter_table("media") as media:
        media.create_foreign_key("fk_media_answered_by", "prediction", ["answered_by"], ["id"])
