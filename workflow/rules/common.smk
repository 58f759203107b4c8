# Where things are, and which jets and chunks belong together.

ENVIRONMENT = "../envs/ftag_prune.yaml"


def beside_snakefile(path):
    """A file of this house as seen from the study: for Snakemake it is another when its path is.

    Both may move together.
    """
    return os.path.relpath(Path(workflow.basedir) / path)


def needs(*, memory, minutes):
    """Memory (MB) and time of a job, in the words of Slurm and of HTCondor.

    They double each time it is tried again, as after a limit that was too low. Of the memory about
    350 MB are for Snakemake itself, which starts anew in a job.
    """

    def doubled(first):
        return lambda wildcards, attempt: first * 2 ** (attempt - 1)

    return {
        "mem_mb": doubled(memory),
        "runtime": doubled(minutes),
        "request_memory": doubled(memory),
        "classad_MaxRuntime": doubled(60 * minutes),
    }


def device(resources):
    """Options of `ftag-prune train` by which a job that asks for a GPU uses it.

    Each batch system has its own word for it.
    """
    numbers = [resources.get(name, 0) for name in ("gpu", "request_gpus")]
    words = f"--gres={resources.get('gres')} {resources.get('slurm_extra')}"
    asked = any(numbers) or re.search(r"--gpus|--gres=\S*gpu", words)
    return ["--device", "cuda"] if asked else []


def json_of(spec, *keys):
    """Some keys of a piece of the study."""
    return spec.model_dump_json(include=set(keys))


def asked():
    """What the study asks of each of its jobs, as JSON, by the name of its spec."""
    texts = {"study": study.model_dump_json()}
    for task, sample in study.samples.items():
        for shard in shards_of(task).values():
            made = shard._asdict() | {
                "seed": sample.generate.seed,
                "multiple_interactions": sample.generate.multiple_interactions,
            }
            texts[f"{task}.{shard.name}"] = json.dumps(made, default=str)
        texts[f"{task}.prepare"] = json_of(sample, "split", "balance", "constituents")
        texts[f"{task}.sample"] = json_of(study.figures, "label", "lines", "style")
    texts |= {name: chunk.model_dump_json() for name, chunk in CHUNKS.items()}
    return texts


def spec_of(name):
    """The file of a spec. Its name holds a digest of what is in it.

    So a spec that did not change keeps its file and its time stamp, one that did is a new input of
    its job whatever the clocks say, and no job finds other words in its file than it was sent for.
    """
    digest = hashlib.sha256(ASKED[name].encode()).hexdigest()
    return f"{FOLDER}/specs/{name}-{digest[:12]}.json"


def card_of(task):
    """Card of a task: as given, or beside the Snakefile when the study runs elsewhere."""
    card = study.samples[task].card
    return str(card) if card.exists() else beside_snakefile(card)


@cache
def read_card(task):
    """The same, read; a mistake in it is one sentence here already."""
    try:
        return load_card(Path(card_of(task)))
    except FtagPruneError as wrong:
        raise WorkflowError(str(wrong)) from None


@cache
def places_of(task):
    """What a user's card names, here and on servers."""
    try:
        return read_card(task).paths()
    except FtagPruneError as wrong:
        raise WorkflowError(str(wrong)) from None


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
    """Files here that a user's card names, and copies of those on servers if it fetches them.

    What lies on a server and is not fetched cannot be looked at from here; the card says it to the
    command.
    """
    here = [str(path) for path in places_of(task) if isinstance(path, Path)]
    return here + [f"{fetched(task)}/{copy}" for copy in copies_of(task)]


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


ASKED = asked()
SPECS = {spec_of(name): text for name, text in ASKED.items()}
