# Files on servers, which Snakemake's storage plugins copy if the card says so.

PLUGINS = {"root": "xrootd", "s3": "s3"}  # by scheme
# A second, to a server: each file is asked after whenever Snakemake starts.
REQUESTS = 20
# By itself XRootD's client asks a server that is down for many minutes; in seconds, and times.
PATIENCE = {"ConnectionWindow": 10, "ConnectionRetry": 1, "StreamErrorWindow": 10}


def fetched(task):
    """Folder of the copies of a task."""
    return f"{FOLDER}/fetched/{task}"


@cache
def copies_of(task):
    """URLs of the files that are fetched, by the name of their copy."""
    card = read_card(task)
    if study.samples[task].generate or not card.fetch:
        return {}
    urls = [one for one in places_of(task) if isinstance(one, str)]
    return {copy_name(one, endpoint=card.endpoint): one for one in urls}


def on_server(task, copy):
    """A file on a server, as Snakemake's plugin knows it."""
    url = copies_of(task).get(copy)
    if url is None:
        raise WorkflowError(f"{fetched(task)}/{copy}: is no copy of a file in the card")
    scheme, _, rest = url.partition("://")
    if scheme == "s3":
        endpoint = read_card(task).endpoint
        return server("s3", endpoint_url=endpoint)(url)
    return server(PLUGINS[scheme], rest.partition("/")[0])(url)


@cache
def server(plugin, host=None, **options):
    """Snakemake's storage for one server.

    Each has a name of its own, for the plugins keep a file under its path there alone.
    """
    if not StoragePluginRegistry().is_installed(plugin):
        raise WorkflowError(
            f"fetch: wanted Snakemake's storage plugin '{plugin}', which is not installed: "
            "pip install -c constraints.txt -e '.[storage]'"
        )
    if plugin == "xrootd":
        be_impatient()
    name = hashlib.sha256(repr((host, options)).encode()).hexdigest()[:8]
    given = {key: value for key, value in options.items() if value is not None}
    storages = workflow.storage_registry
    storages.register_storage(
        plugin, f"{plugin}-{name}", max_requests_per_second=REQUESTS, **given
    )
    return getattr(storages, f"{plugin}-{name}")


def be_impatient():
    """What the environment does not say of XRootD's patience."""
    from XRootD import client

    for key, value in PATIENCE.items():
        if f"XRD_{key.upper()}" not in os.environ:
            client.EnvPutInt(key, value)
