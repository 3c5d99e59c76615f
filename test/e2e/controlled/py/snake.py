import json
import os
import time

with open(os.environ["GYRE_INPUTS"]) as file:
    inputs = json.load(file)
name = f"snake-{inputs['seed']}"
print("python says hello")
with open(os.path.join(inputs["journal"], "started"), "a") as journal:
    journal.write(f"{name} {os.getpid()}\n")
while os.path.exists(os.path.join(inputs["journal"], f"hold-{name}")):
    time.sleep(0.05)
print("python says bye")
