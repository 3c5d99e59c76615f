"""A search of a hundred trials by Optuna, each logged by its own callback; all of them read back."""

import mlflow
import optuna
from mlflow.tracking import MlflowClient
from optuna_integration import MLflowCallback
from transcript import SERVER, Transcript

optuna.logging.set_verbosity(optuna.logging.WARNING)
t = Transcript()
client = MlflowClient()
tracked = MLflowCallback(tracking_uri=SERVER, metric_name="accuracy")


@tracked.track_in_mlflow()
def objective(trial):
    """Best at a rate of 0.01, three layers, batches of 32 and a fifth dropped."""
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    batch = trial.suggest_categorical("batch_size", [16, 32, 64, 128])
    layers = trial.suggest_int("n_layers", 1, 5)
    dropout = trial.suggest_float("dropout", 0.1, 0.5)
    loss = (lr - 0.01) ** 2 + (layers - 3) ** 2 / 10 + (dropout - 0.2) ** 2 + (batch != 32) / 10
    for epoch in range(3):
        mlflow.log_metric("loss", loss / (epoch + 1), step=epoch)
    trial.set_user_attr("hardware", "none")
    return 1 - loss


study = optuna.create_study(
    study_name="mlp", direction="maximize", sampler=optuna.samplers.TPESampler(seed=7)
)
study.optimize(objective, n_trials=100, callbacks=[tracked])

experiment = client.get_experiment_by_name("mlp")
runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"], max_results=500)
t.note("how many runs", len(runs))
by_number = {int(run.data.tags["number"]): run for run in runs}
t.note("one for each trial", sorted(by_number) == list(range(100)))
t.note("as Optuna has them", all(
    run.data.params == {key: str(value) for key, value in study.trials[number].params.items()}
    and run.data.metrics["accuracy"] == study.trials[number].value
    and run.info.status == "FINISHED"
    for number, run in by_number.items()
))
best = client.search_runs([experiment.experiment_id], order_by=["metrics.accuracy DESC"], max_results=1)[0]
t.note("the best of them", best.data.tags["number"] == str(study.best_trial.number))
t.note("what it tried", best.data.params)
t.note("how good it was", best.data.metrics)
t.note("what is said of it", {key: value for key, value in best.data.tags.items() if not key.startswith(("datetime", "mlflow."))})
t.note("its losses", [(point.step, point.value) for point in client.get_metric_history(best.info.run_id, "loss")])
t.note("those that were better than most", len(client.search_runs(
    [experiment.experiment_id], "metrics.accuracy > 0.7 AND params.batch_size = '32'", max_results=500
)))
t.end()
