# Where things are, and which jets and chunks belong together.

ENVIRONMENT = "../envs/ftag_prune.yaml"


def card_of(task):
    """Card of a task: as given, or beside the Snakefile when the study runs elsewhere."""
    card = study.samples[task].card
    return str(card if card.exists() else Path(workflow.basedir) / card)


def shards_of(task):
    """Generated files of a task, by name."""
    made = study.samples[task].generate
    return {} if made is None else {shard.name: shard for shard in made.shards()}


def files_of(task):
    """Files that the jets of a task are read from."""
    made = study.samples[task].generate
    if made is None:
        return card_files(task)
    return [
        f"{FOLDER}/generated/{task}/{name}{made.suffix}" for name in shards_of(task)
    ]


def card_files(task):
    """Local files that a user's card names; a mistake in it is one sentence here already.

    What lies on a server cannot be looked at from here; the card says it to the command.
    """
    try:
        found = load_card(Path(card_of(task))).paths()
        return [str(path) for path in found if isinstance(path, Path)]
    except FtagPruneError as wrong:
        raise WorkflowError(str(wrong)) from None


def prepared(task, splits):
    """Prepared jets of a task."""
    return [f"{FOLDER}/jets/{task}/{split}.h5" for split in splits]


def task_of(chunk):
    """The task whose runs a chunk holds."""
    return CHUNKS[chunk].runs[0].task


def chunks_of(task):
    """Chunks of a task's runs."""
    return [name for name in CHUNKS if task_of(name) == task]


def before(chunk):
    """Chunks that have to be trained before: runs of this one take their shape or their scores."""
    wanted = {name for run in CHUNKS[chunk].runs for name in run.before}
    return [
        f"{FOLDER}/chunks/{name}.trained.json"
        for name, other in CHUNKS.items()
        if wanted & {run.name for run in other.runs}
    ]


def split_options(split):
    """Options of `ftag-prune prepare` for what a study says of the split."""
    if split.folds is None:
        chosen = f"--split {split.train} {split.val} {split.test}"
    else:
        chosen = f"--folds {split.folds} --fold {split.fold}"
    return f"{chosen} --split-by {split.by}"
