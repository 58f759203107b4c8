rule figures:
    input:
        study=f"{FOLDER}/study.json",
        table=f"{FOLDER}/tables/{{task}}.csv",
    output:
        report(
            directory(f"{FOLDER}/figures/{{task}}"),
            patterns=["{name}.png"],
            caption="../report/figure.rst",
            category="Figures",
            subcategory="{task}",
            labels={"figure": "{name}"},
        ),
    log:
        f"{LOGS}/figures/{{task}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(memory=2000, minutes=15),
    params:
        runs=f"{FOLDER}/runs",
        version=__version__,
    shell:
        "ftag-prune figures {input.study:q} {params.runs:q} {input.table:q} {output:q}"
        " --task {wildcards.task} > {log:q} 2>&1"


rule validate:
    input:
        study=f"{FOLDER}/study.json",
        jets=lambda w: prepared(w.task, ["train", "val", "test"]),
        evaluated=lambda w: [
            f"{FOLDER}/chunks/{chunk}.evaluated.json" for chunk in chunks_of(w.task)
        ],
    output:
        report(
            directory(f"{FOLDER}/validation/{{task}}"),
            patterns=["{name}.png"],
            caption="../report/figure.rst",
            category="Validation",
            subcategory="{task}",
            labels={"figure": "{name}"},
        ),
    log:
        f"{LOGS}/validate/{{task}}.log",
    benchmark:
        f"{LOGS}/validate/{{task}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(memory=2500, minutes=60),
    params:
        folder=lambda w, input: str(Path(input.study).parent),
        version=__version__,
    shell:
        "ftag-prune validate {output:q} --study {input.study:q} --folder {params.folder:q}"
        " --task {wildcards.task} > {log:q} 2>&1"


rule report:
    input:
        study=f"{FOLDER}/study.json",
        tables=expand(f"{FOLDER}/tables/{{task}}.csv", task=study.tasks),
        figures=expand(f"{FOLDER}/figures/{{task}}", task=study.tasks),
        samples=expand(f"{FOLDER}/samples/{{task}}", task=study.tasks),
        validation=expand(
            f"{FOLDER}/validation/{{task}}",
            task=study.tasks if study.validation else [],
        ),
    output:
        report(f"{FOLDER}/report.html", caption="../report/page.rst", category="Report"),
    log:
        f"{LOGS}/report.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(memory=1500, minutes=10),
    params:
        folder=lambda w, output: str(Path(output[0]).parent),
        version=__version__,
    shell:
        "ftag-prune report {input.study:q} {params.folder:q} {output:q} > {log:q} 2>&1"
