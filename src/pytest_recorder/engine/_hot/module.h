#ifndef HOT_MODULE_H
#define HOT_MODULE_H

#include "records.h"

#endif
