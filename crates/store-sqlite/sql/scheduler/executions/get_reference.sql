SELECT reference FROM spec WHERE execution = ?1;
