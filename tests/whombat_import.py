"""Do what a person does in Whombat with `birdedge aoef` files, with Whombat's own functions; see tests/whombat.sh.

python whombat_import.py register AUDIO_DIR DATABASE AUDIO OUT   registers a folder and exports it to OUT/dataset.json
python whombat_import.py import AUDIO_DIR DATABASE AUDIO FILES   imports FILES, prints counts, and exports the project
                                                                 to FILES/exported.json
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from soundevent.io import aoef
from sqlalchemy import func, select
from whombat import api, models
from whombat.api.io.aoef import import_annotation_project
from whombat.system.database import get_database_url, init_database
from whombat.system.settings import Settings

COUNTED = {
    "recordings": models.Recording,
    "clips": models.Clip,
    "tasks": models.AnnotationTask,
    "annotations": models.SoundEventAnnotation,
    "sound_events": models.SoundEvent,
}


async def register(audio_dir: Path, database: Path, audio: Path, out: Path) -> None:
    """Make a data set of a folder, as the button Create does, and export it."""
    settings = Settings(audio_dir=audio_dir, db_name=str(database))
    await init_database(settings)
    async with api.create_session(get_database_url(settings)) as session:
        dataset = await api.datasets.create(
            session, name="registered", description="", dataset_dir=audio, audio_dir=audio_dir
        )
        await session.commit()
        exported = await api.datasets.export_dataset(session, dataset, audio_dir=audio_dir)
    out.mkdir(exist_ok=True)
    (out / "dataset.json").write_text(exported.model_dump_json(exclude_none=True))


async def import_files(audio_dir: Path, database: Path, audio: Path, files: Path) -> None:
    """Import the data set, if there is one, and the project; print counts, and export the project."""
    settings = Settings(audio_dir=audio_dir, db_name=str(database))
    await init_database(settings)
    async with api.create_session(get_database_url(settings)) as session:
        if not (await api.users.get_many(session))[0]:
            await api.users.create(session, "tester", "secret", "tester@example.org")
            await session.commit()
        if (files / "dataset.json").exists():
            with (files / "dataset.json").open("rb") as file:
                await api.datasets.import_dataset(session, file, dataset_audio_dir=audio, audio_dir=audio_dir)
            await session.commit()
        (user, *_), _ = await api.users.get_many(session)
        with (files / "annotation_project.json").open("rb") as file:
            await import_annotation_project(
                session, file, audio_dir=audio_dir, base_audio_dir=audio_dir, imported_by=user
            )
        await session.commit()
        counts = {
            name: await session.scalar(select(func.count()).select_from(model))
            for name, model in COUNTED.items()
        }
        kinds = await session.execute(
            select(models.SoundEvent.geometry_type, func.count()).group_by(models.SoundEvent.geometry_type)
        )
        (row, *_), _ = await api.annotation_projects.get_many(session)
        project = await api.annotation_projects.to_soundevent(session, row, audio_dir=audio_dir)
    exported = aoef.to_aeof(project, audio_dir=audio_dir)
    (files / "exported.json").write_text(exported.model_dump_json(exclude_none=True))
    print(json.dumps(counts | dict(kinds.all())))


if __name__ == "__main__":
    action = {"register": register, "import": import_files}[sys.argv[1]]
    asyncio.run(action(*map(Path, sys.argv[2:])))
