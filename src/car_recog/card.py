"""The model card of a saved recogniser, written for people."""

from typing import Any


def model_card(config: dict[str, Any]) -> str:
    """Word a configuration as Markdown.

    Args:
        config: As it goes into `config.json`: kind, network, class_names, training and evaluation.
    """
    network, training, evaluation = config["network"], config["training"], config.get("evaluation")
    height, width = network["image_size"]
    options = "".join(f", {name} {value}" for name, value in network["backbone_options"].items())
    lines = [
        f"# {config['kind']}: {len(config['class_names'])} classes",
        "",
        f"Load it with `car_recog.{config['kind']}.load(folder)`. It holds no code: `config.json`, weights and checksums.",
        "",
        "## What it is",
        "",
        f"- Backbone {network['backbone']}{options}, head {network['head']}, loss {config['loss']}.",
        f"- Photos are fitted to {width} x {height} pixels ({network['resize']}), normalization {network['normalization']}.",
        f"- Classes: {', '.join(config['class_names'])}.",
        "",
        "## How it was trained",
        "",
        f"- On {training['date']} with {_listed(training['versions'])}.",
        f"- Recipe {training['recipe']['name']}, seed {training['seed']}, backbone weights {training['weights']}.",
        f"- {training['n_train']} photos; {training['n_validation']} more for validation; {training['n_skipped']} broken ones left out.",
        f"- {training['n_epochs']} epochs in {training['seconds']:.0f} s.",
        "",
        "| class | training photos |",
        "| --- | --- |",
        *(f"| {name} | {count} |" for name, count in training["class_counts"].items()),
        "",
        "## How good it is",
        "",
        *_worded_evaluation(evaluation),
        "",
        "## What it is not for",
        "",
        "It knows its classes only: a photo of anything else is still given one of them.",
        "Measure it on photos of your own before you rely on it.",
    ]
    return "\n".join(lines) + "\n"


def _listed(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _worded_evaluation(evaluation: dict[str, Any] | None) -> list[str]:
    if evaluation is None:
        return ["It was not evaluated before it was saved."]

    def worded(name: str, key: str) -> str:
        low, high = evaluation["intervals"][key]
        return f"{name} {evaluation[key]:.3f} (95 % interval {low:.3f} to {high:.3f})"

    figures = f"{worded('accuracy', 'accuracy')}, {worded('macro F1', 'macro_f1')}"
    return [f"Last evaluation, on {evaluation['n_photos']} photos: {figures}."]
