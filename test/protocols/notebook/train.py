"""Logs, autologs and registers by MLflow's own client, which finds its run in the environment."""

import mlflow
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

inputs, labels = load_breast_cancer(return_X_y=True, as_frame=True)
inputs = inputs.set_axis([f"x{i}" for i in range(inputs.shape[1])], axis=1)[["x0", "x1", "x20", "x27"]]
inputs.assign(label=labels)[1::2].to_csv("holdout.csv", index=False)
mlflow.sklearn.autolog(log_models=False)
with mlflow.start_run() as run:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(inputs[::2], labels[::2])
    mlflow.log_metric("by hand", 0.5, step=3)
    mlflow.sklearn.log_model(model, name="model", registered_model_name="tumour", pip_requirements=[])
mlflow.MlflowClient().set_registered_model_alias("tumour", "champion", "1")
print("logged to", run.info.run_id)
