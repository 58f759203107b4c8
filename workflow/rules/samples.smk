rule generate:
    input:
        lambda w: spec_of(f"{w.task}.{w.shard}"),
    output:
        f"{FOLDER}/generated/{{task}}/{{shard}}{{suffix}}",
    log:
        f"{LOGS}/generate/{{task}}/{{shard}}{{suffix}}.log",
    benchmark:
        f"{LOGS}/generate/{{task}}/{{shard}}{{suffix}}.tsv"
    wildcard_constraints:
        suffix=r"\.root|\.h5",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(memory=2000, minutes=60),
    params:
        process=lambda w: shards_of(w.task)[w.shard].process,
        jets=lambda w: shards_of(w.task)[w.shard].jets,
        first_event=lambda w: shards_of(w.task)[w.shard].first_event,
        seed=lambda w: study.samples[w.task].generate.seed,
        interactions=lambda w: (
            "--multiple-interactions"
            if study.samples[w.task].generate.multiple_interactions
            else "--no-multiple-interactions"
        ),
    shell:
        "ftag-prune generate {output:q} --task {wildcards.task} --process {params.process}"
        " --jets {params.jets} --first-event {params.first_event} --seed {params.seed}"
        " {params.interactions} > {log:q} 2>&1"


# A local rule: it runs where Snakemake was called, for nodes of a cluster may see no server.
rule fetch:
    input:
        lambda w: on_server(w.task, w.file),
    output:
        f"{FOLDER}/fetched/{{task}}/{{file}}",
    log:
        f"{LOGS}/fetch/{{task}}/{{file}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "{{ ln -f {input:q} {output:q} || cp {input:q} {output:q}; touch {output:q}; }} 2> {log:q}"


rule prepare:
    input:
        spec=lambda w: spec_of(f"{w.task}.prepare"),
        card=lambda w: card_of(w.task),
        files=lambda w: files_of(w.task),
    output:
        f"{FOLDER}/jets/{{task}}/train.h5",
        f"{FOLDER}/jets/{{task}}/val.h5",
        f"{FOLDER}/jets/{{task}}/test.h5",
    log:
        f"{LOGS}/prepare/{{task}}.log",
    benchmark:
        f"{LOGS}/prepare/{{task}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        **needs(memory=2500, minutes=60),
    params:
        folder=lambda w, output: str(Path(output[0]).parent),
        # The files of other samples stand in their card.
        generated=lambda w: (
            files_of(w.task) if study.samples[w.task].generate is not None else []
        ),
        split=lambda w: split_options(study.samples[w.task].split),
        fetched=lambda w: (["--fetched", fetched(w.task)] if copies_of(w.task) else []),
        balance=lambda w: study.samples[w.task].balance.model_dump_json(),
        constituents=lambda w: (
            "--constituents"
            if study.samples[w.task].constituents
            else "--no-constituents"
        ),
        version=__version__,
    shell:
        "ftag-prune prepare {input.card:q} {params.folder:q} {params.generated:q} {params.fetched:q}"
        " {params.split} --balance {params.balance:q} {params.constituents} --workers {threads} > {log:q} 2>&1"


rule sample:
    input:
        jets=lambda w: prepared(w.task, ["train", "val", "test"]),
        spec=lambda w: spec_of(f"{w.task}.sample"),
    output:
        report(
            directory(f"{FOLDER}/samples/{{task}}"),
            patterns=["{name}.png"],
            caption="../report/figure.rst",
            category="Samples",
            subcategory="{task}",
            labels={"figure": "{name}"},
        ),
    log:
        f"{LOGS}/sample/{{task}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(memory=1500, minutes=10),
    params:
        jets=lambda w, input: str(Path(input.jets[0]).parent),
        label=lambda w: study.figures.label,  # Snakemake reads braces in a text that stands here
        lines=lambda w: [
            word for line in study.figures.lines for word in ("--line", line)
        ],
        style=study.figures.style,
        version=__version__,
    shell:
        "ftag-prune sample {params.jets:q} {output:q} --label {params.label:q} {params.lines:q}"
        " --style {params.style}"
        " > {log:q} 2>&1"
