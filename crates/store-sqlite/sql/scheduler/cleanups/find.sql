SELECT execution FROM cleanup WHERE canceled = ?1;
