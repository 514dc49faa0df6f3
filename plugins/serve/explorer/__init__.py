"""Explorer: a page, served beside the models, on which a latent space can be explored by hand."""
