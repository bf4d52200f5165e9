from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.params import load_params
from stages.survey import survey

OUT = Path("reports/survey")


def main() -> None:
    take_no_arguments("stages.survey", "Compare face detectors, reports/survey")
    table, unavailable = survey(load_params().survey, OUT)
    shown = table.drop(columns=["licence", "parameters", "weight_bytes", "faces"])
    print(shown.round(3).to_string(index=False, na_rep="-"))
    for name, reason in unavailable.items():
        print(f"not surveyed: {name}: {reason}")
    print(f"survey: {len(table)} detectors ({OUT / 'survey.csv'}, {OUT / 'survey.png'})")


if __name__ == "__main__":
    run_stage(main)
