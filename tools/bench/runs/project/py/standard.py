import json
import os
import random
