"""The shipped model on UCI's file, by plain csv, onnxruntime and scikit-learn: nothing here is ours but the graph."""

import csv
import json
from pathlib import Path

import numpy as np
import onnxruntime
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from tests.support.uci import uci_file

MODELS = Path(__file__).parents[2] / "scoring" / "models"
MONTHS = ["", "Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
VISITORS = ["", "New_Visitor", "Returning_Visitor", "Other"]


def coded(name: str, cell: str) -> float:
    if name == "Month":
        return MONTHS.index(cell)
    if name == "VisitorType":
        return VISITORS.index(cell)
    return {"TRUE": 1.0, "FALSE": 0.0}[cell] if cell.isalpha() else float(cell)


def test_auc_on_the_reports_test_split() -> None:
    with uci_file().open() as lines:
        table = list(csv.DictReader(lines))
    rows = np.array([[coded(name, cell) for name, cell in row.items() if name != "Revenue"] for row in table])
    bought = np.array([row["Revenue"] == "TRUE" for row in table])
    _, test = train_test_split(np.arange(len(rows)), test_size=0.2, random_state=42, stratify=bought)
    folder = MODELS / (MODELS / "current").read_text().strip()
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    (probability,) = session.run(["probability"], {"features": rows[test].astype(np.float32)})
    auc = roc_auc_score(bought[test], probability)
    assert len(test) == 2466
    assert auc >= 0.88
    assert abs(auc - json.loads((folder / "manifest.json").read_text())["metrics"]["auc_test"]) < 1e-4
