"""Logs a model of each library that Gyre converts, registers it, and prints what ``mlflow.pyfunc`` answers."""

import json
import sys
import warnings

import lightgbm
import mlflow
import numpy
import pandas
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("converted")
draw = numpy.random.default_rng(3)
table = pandas.DataFrame(draw.normal(size=(300, 4)).astype("f4").astype("f8"), columns=list("abcd"))
late = (table.a + table.b * table.c > 0).astype(int)
level = pandas.cut(table.a, 3, labels=["high", "low", "middle"]).astype(str)
mixed = table[["a", "b"]].assign(plan=numpy.where(table.c > 0, "gold", "free"))

MODELS = {
    "logistic": lambda: (mlflow.sklearn, make_pipeline(StandardScaler(), LogisticRegression()).fit(table, late), table),
    "levels": lambda: (mlflow.sklearn, LogisticRegression().fit(table, level), table),
    "mixed": lambda: (
        mlflow.sklearn,
        make_pipeline(
            ColumnTransformer([("plan", OneHotEncoder(), ["plan"]), ("rest", StandardScaler(), ["a", "b"])]),
            LogisticRegression(),
        ).fit(mixed, late),
        mixed,
    ),
    "xgb-classifier": lambda: (mlflow.xgboost, xgboost.XGBClassifier(n_estimators=20).fit(table, late), table),
    "xgb-regressor": lambda: (mlflow.xgboost, xgboost.XGBRegressor(n_estimators=20).fit(table, table.a * 3 + 1), table),
    "xgb-booster": lambda: (
        mlflow.xgboost,
        xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(table, late), 20),
        table,
    ),
    "lgb-booster": lambda: (
        mlflow.lightgbm,
        lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, late), 20),
        table,
    ),
    "lgb-classifier": lambda: (mlflow.lightgbm, lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(table, late), table),
    "pickled-forest": lambda: (mlflow.sklearn, RandomForestRegressor(10, random_state=0).fit(table, table.a * 2), table),
}

answers = {}
for name in sys.argv[2:]:
    flavor, model, rows = MODELS[name]()
    more = {"serialization_format": "cloudpickle"} if name.startswith("pickled") else {}
    with mlflow.start_run():
        logged = flavor.log_model(model, name="model", input_example=rows.head(12), registered_model_name=name, **more)
    head = rows.tail(9)
    given = numpy.asarray(mlflow.pyfunc.load_model(logged.model_uri).predict(head))
    chances = model.predict_proba(head).ravel().tolist() if hasattr(model, "predict_proba") else None
    answers[name] = {
        "rows": {column: head[column].tolist() for column in head},
        "answer": given.ravel().tolist(),
        "probabilities": chances,
    }
print(json.dumps(answers))
