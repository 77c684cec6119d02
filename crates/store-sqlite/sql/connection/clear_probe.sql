DELETE FROM storage_probe;
