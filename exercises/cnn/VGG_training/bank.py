"""Known trainings of a small VGG: right ones, written differently, and wrong ones."""

from exercises.cnn.training_notebooks import FEW_RIGHT, FEW_WRONG, known_trainings

VGG = """
def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers.append(nn.LazyConv2d(out_channels, kernel_size=3, padding=1))
        layers.append(nn.ReLU())
    layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)

class VGG(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        blocks = [vgg_block(*pair) for pair in arch]
        self.net = nn.Sequential(*blocks, nn.Flatten(), nn.LazyLinear(num_classes))
"""
MAKE = "VGG(arch=((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)), lr=0.01)"
DATA = "d2l.FashionMNIST(batch_size=128, resize=(224, 224))"

globals().update(known_trainings(VGG, MAKE, DATA, right=FEW_RIGHT, wrong=FEW_WRONG))
