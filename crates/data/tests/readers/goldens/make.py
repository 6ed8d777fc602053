"""Write the golden files of the readers: `python make.py` (librosa, numpy, Pillow).

mel.json: a sound of 16-bit samples at 8 kHz, and its log-mel frames, natural logarithms of the power spectrum under a
periodic Hann window of 25 ms in the middle of 256 samples, every 10 ms, silence around it, as librosa computes them:
30 bands on Slaney's scale, and 20 bands from 60 to 3,800 Hz on HTK's without equal areas.

picture.jpg, picture.json: a picture of 12 by 8 pixels whose EXIF orientation is 6, as it lies in the file, the right
way up for each orientation from 1 to 8, and as it lies brought to 5 by 3 pixels (all of it) and 20 by 4 (its middle).
"""

import json
from pathlib import Path

import librosa
import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
RATE = 8000


def log_mel(sound, **options):
    power = librosa.feature.melspectrogram(
        y=sound, sr=RATE, n_fft=256, win_length=200, hop_length=80, center=True, pad_mode="constant", power=2.0, **options
    )
    return np.round(np.log(np.maximum(power, 1e-10)).T, 5).tolist()


def picture():
    y, x = np.mgrid[:8, :12]
    pixels = np.stack([20 * x, 30 * y, 255 - 10 * x - 15 * y], axis=-1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(HERE / "picture.jpg", quality=95, subsampling=0, exif=exif)
    lying = Image.open(HERE / "picture.jpg").convert("RGB")
    golden = {"lying": np.array(lying).ravel().tolist(), "upright": []}
    for orientation in range(1, 9):
        lying.getexif()[0x0112] = orientation
        golden["upright"].append(np.array(ImageOps.exif_transpose(lying)).ravel().tolist())
    whole = lying.resize((5, 3), Image.BILINEAR)
    # 12 by 2.4 pixels from the middle have the proportions of 20 by 4.
    middle = lying.resize((20, 4), Image.BILINEAR, box=(0, 2.8, 12, 5.2))
    golden |= {"whole": np.array(whole).ravel().tolist(), "middle": np.array(middle).ravel().tolist()}
    (HERE / "picture.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def mel():
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
    (HERE / "mel.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    picture()
    mel()
