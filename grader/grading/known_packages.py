"""Packages that notebooks use widely: by the name in an import, the name that installs them.

A check that gets no answer because of such a package is broken, and its points stay open; any other
name is charged to the student, so that an invented import opens no points. A course adds its own.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

_SAME = """
accelerate albumentations altair anthropic astropy autograd bokeh boto3 captum cartopy catboost
clearml click cloudpickle comet_ml contextily cupy cvxpy cython dask datasets deap deepspeed
diffusers dill easydict einops evaluate fastai fastapi fastprogress flask flax folium fvcore gdown
gensim geopandas gradio graphviz gym gymnasium h5py hiddenlayer holoviews huggingface_hub hydra
imageio imageio_ffmpeg imgaug import_ipynb imutils ipympl ipywidgets jax jaxlib jieba joblib
jupyter jupyter_black kaggle kagglehub keras kornia librosa lightgbm lightning lime livelossplot
loguru lpips matplotlib_venn missingno mlflow mlxtend monai moviepy mpl_finance mplcyberpunk mxnet
nbimporter neptune netron networkx nltk numba numexpr onnx onnxruntime openai openpyxl optuna
pandas patsy peft pillow plotly plotnine polars pretrainedmodels prettytable psutil ptflops
pyarrow pycocotools pydot pydotplus pygame pymc PyQt5 pyspark pytorch_lightning
pytorch_model_summary pytorch_msssim ray requests rich scipy seaborn sentencepiece shap skorch
soundfile spacy statsmodels streamlit sympy tables tabulate tensorboard tensorboardX tensorflow
tensorflow_datasets tensorflow_hub termcolor thop tiktoken timm tokenizers toml torch_geometric
torchaudio torchcam torcheval torchinfo torchlens torchmetrics torchprofile torchsummary
torchsummaryX torchtext torchview torchviz tqdm transformers trimesh triton ultralytics umap vedo
visdom visualtorch wandb watermark wordcloud xarray xgboost xlrd yfinance zarr
"""
_OTHERS = {
    "Crypto": "pycryptodome",
    "IPython": "ipython",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "pymupdf",
    "git": "GitPython",
    "hydra": "hydra-core",
    "mpl_toolkits": "matplotlib",
    "nb_black": "nb-black",
    "pl_bolts": "lightning-bolts",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "torch_summary": "torch-summary",
    "umap": "umap-learn",
    "yaml": "pyyaml",
    "alive_progress": "alive-progress",
    "efficientnet_pytorch": "efficientnet-pytorch",
    "tkinter": "",
}
KNOWN: dict[str, str] = {name: name.replace("_", "-") for name in _SAME.split()} | _OTHERS
"""The command's name is empty where no command installs it."""


def install_command(packages: list[str]) -> str:
    """Return the command that installs packages; empty where none does."""
    names = [KNOWN.get(package, package.split(".")[0]) for package in packages]
    return f"pip install {' '.join(name for name in names if name)}" if any(names) else ""


def any_installed(packages: Iterable[str]) -> bool:
    """Return whether one of some missing packages is installed now."""
    return any(_is_here(name) for name in packages)


def _is_here(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
