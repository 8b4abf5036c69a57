"""Where bundles lie: a folder or a bucket, behind one interface."""
