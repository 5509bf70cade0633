"""How a model comes about: rows, folds, learners, calibration, trades and the card. Only the command line imports it;
no daemon loads numpy, LightGBM or scikit-learn."""
