SELECT canceled FROM cleanup WHERE execution = ?1;
