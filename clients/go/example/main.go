// A small worker that uses package reeve, for people to copy from and for the tests to run.
//
//	/            hello                   /sleep?ms=N  answers after N ms
//	/pid         the pid                 /hang        takes the lock that everything needs, for ever
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"reeve"
)

func main() {
	var lock sync.Mutex // of whatever the program could not do without
	worker, err := reeve.Open(reeve.Options{Alive: func() {
		lock.Lock()
		defer lock.Unlock()
	}})
	if err != nil {
		log.Fatal(err)
	}
	address := ""
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	listener, err := worker.Listen("", address)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		fmt.Fprintln(w, "hello")
	})
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getpid())
	})
	mux.HandleFunc("/sleep", func(w http.ResponseWriter, r *http.Request) {
		ms, _ := strconv.Atoi(r.URL.Query().Get("ms"))
		time.Sleep(time.Duration(ms) * time.Millisecond)
		fmt.Fprintln(w, "slept")
	})
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) {
		lock.Lock()
		select {}
	})
	if err := worker.Serve(&http.Server{Handler: worker.Handler(mux)}, listener); err != nil {
		log.Fatal(err)
	}
}
