__version__ = "0.1.0"

import os

os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')  # ONNX Runtime would report on its users; it reads this on import
