"""Write the golden files of the readers: `python make.py` (librosa, numpy).

mel.json: a sound of 16-bit samples at 8 kHz, and its log-mel frames, natural logarithms of the power spectrum under a
periodic Hann window of 25 ms in the middle of 256 samples, every 10 ms, silence around it, as librosa computes them:
30 bands on Slaney's scale, and 20 bands from 60 to 3,800 Hz on HTK's without equal areas.
"""

import json
from pathlib import Path

import librosa
import numpy as np

RATE = 8000


def log_mel(sound, **options):
    power = librosa.feature.melspectrogram(
        y=sound, sr=RATE, n_fft=256, win_length=200, hop_length=80, center=True, pad_mode="constant", power=2.0, **options
    )
    return np.round(np.log(np.maximum(power, 1e-10)).T, 5).tolist()


def main():
    random = np.random.default_rng(1)
    time = np.arange(1200) / RATE
    sound = 0.4 * np.sin(2 * np.pi * (300 + 4000 * time) * time) + 0.05 * random.standard_normal(time.size)
    sound[500:700] = 0
    samples = np.round(sound * 32767).astype(int)
    sound = samples.astype(np.float64) / 32768
    golden = {
        "samples": samples.tolist(),
        "slaney": log_mel(sound, n_mels=30, htk=False, norm="slaney"),
        "htk": log_mel(sound, n_mels=20, fmin=60, fmax=3800, htk=True, norm=None),
    }
    (Path(__file__).parent / "mel.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
