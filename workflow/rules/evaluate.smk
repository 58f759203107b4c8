rule evaluate:
    input:
        chunk=lambda w: spec_of(w.chunk),
        trained=f"{FOLDER}/chunks/{{chunk}}.trained.json",
        test=lambda w: prepared(task_of(w.chunk), ["test"]),
    output:
        f"{FOLDER}/chunks/{{chunk}}.evaluated.json",
    log:
        f"{LOGS}/evaluate/{{chunk}}.log",
    benchmark:
        f"{LOGS}/evaluate/{{chunk}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(memory=2000, minutes=30),
    params:
        runs=f"{FOLDER}/runs",
        version=__version__,
    shell:
        "ftag-prune evaluate {input.chunk:q} {input.test:q} {params.runs:q} {output:q} > {log:q} 2>&1"


rule summary:
    input:
        study=f"{FOLDER}/study.json",
        evaluated=lambda w: [
            f"{FOLDER}/chunks/{chunk}.evaluated.json" for chunk in chunks_of(w.task)
        ],
    output:
        f"{FOLDER}/tables/{{task}}.csv",
    log:
        f"{LOGS}/summary/{{task}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(memory=2000, minutes=30),
    params:
        runs=f"{FOLDER}/runs",
        version=__version__,
    shell:
        "ftag-prune summary {input.study:q} {params.runs:q} {output:q} --task {wildcards.task} > {log:q} 2>&1"
