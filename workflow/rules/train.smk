# Rendered by Snakemake itself: no process is started, and no command has to hold what may be many
# runs. Its template is the same wherever the study lies, and however new it is.
rule plan:
    input:
        ancient(beside_snakefile("workflow/templates/spec.json")),
    output:
        f"{FOLDER}/specs/{{spec}}.json",
    log:
        f"{LOGS}/plan/{{spec}}.log",
    params:
        text=lambda w, output: SPECS[output[0]],
    template_engine:
        "jinja2"


rule study:
    input:
        spec_of("study"),
    output:
        f"{FOLDER}/study.json",
    log:
        f"{LOGS}/study.log",
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "cp {input:q} {output:q} 2> {log:q}"


# The results of a run are not outputs of the rule: Snakemake deletes the outputs of a job that
# fails, and one failed member must not take the others' trainings with it. The manifest names them.
rule train:
    input:
        chunk=lambda w: spec_of(w.chunk),
        jets=lambda w: prepared(task_of(w.chunk), ["train", "val"]),
        before=lambda w: before(w.chunk),
    output:
        f"{FOLDER}/chunks/{{chunk}}.trained.json",
    log:
        f"{LOGS}/train/{{chunk}}.log",
    benchmark:
        f"{LOGS}/train/{{chunk}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(memory=2000, minutes=60),
    params:
        jets=lambda w, input: str(Path(input.jets[0]).parent),
        runs=f"{FOLDER}/runs",
        device=lambda w, resources: device(resources),
        version=__version__,
    shell:
        "exec ftag-prune train {input.chunk:q} {params.jets:q} {params.runs:q} {output:q}"
        " {params.device:q} > {log:q} 2>&1"
