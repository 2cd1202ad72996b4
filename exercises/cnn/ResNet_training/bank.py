"""Known trainings of a ResNet: right ones, written differently, and wrong ones."""

from exercises.cnn.training_notebooks import FEW_RIGHT, FEW_WRONG, known_trainings

RESNET = """
class ResNet(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.LazyConv2d(8, kernel_size=7, stride=2, padding=3),
                                 nn.LazyBatchNorm2d(), nn.ReLU())
        for i, (num_residuals, num_channels) in enumerate(arch):
            for j in range(num_residuals):
                down = i > 0 and j == 0
                block = d2l.Residual(num_channels, use_1x1conv=down, strides=2 if down else 1)
                self.net.add_module(f"b{i}{j}", block)
        self.net.add_module("last", nn.Sequential(
            nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LazyLinear(num_classes)))

class ResNet18(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((1, 8), (1, 16)), lr, num_classes)
"""
DATA = "d2l.FashionMNIST(batch_size=128, resize=(96, 96))"

globals().update(
    known_trainings(RESNET, "ResNet18(lr=0.01)", DATA, right=FEW_RIGHT, wrong=FEW_WRONG)
)
