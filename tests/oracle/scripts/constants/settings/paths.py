import platformdirs

ROOT = platformdirs.user_cache_dir("a")
