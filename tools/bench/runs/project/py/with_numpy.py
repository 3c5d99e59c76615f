import json
import os

import numpy
