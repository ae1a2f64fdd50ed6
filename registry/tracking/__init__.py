"""What MLflow tracks, as the portal shows it: experiments, runs, their artifacts, and the models made from them."""
