package config

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher follows a configuration that changes: the file, which the kubelet brings up to date within a minute or two, and, where there is a Kubernetes
// API to ask, the ConfigMap that the file comes from, which is seconds ahead of it.
type Watcher struct {
	// Path of the file.
	Path string
	// Source is the ConfigMap; nil follows the file alone.
	Source *ConfigMap
	// Apply takes a new configuration, or refuses it.
	Apply func(*Gateway) error
	// Noted is told of each that was taken, by its hash, or refused: then hash is empty.
	Noted func(hash string)
	Log   *slog.Logger

	mu   sync.Mutex // guards all below, and that one change is taken after the other
	last []byte     // the text taken or refused last
	hash string     // of the text in use
	// following says that the ConfigMap is being watched, so that the file can only be behind it.
	following bool
	refused   error
}

// Hash names a configuration's text, to tell whether two gateways run the same.
func Hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// readEvery is how often the file is read where its folder cannot be watched: machines bound how many may be.
const readEvery = 10 * time.Second

// Run follows the configuration until ctx is done. started is the text that the process began with.
func (w *Watcher) Run(ctx context.Context, started []byte) {
	w.last, w.hash = started, Hash(started)
	var source sync.WaitGroup
	defer source.Wait()
	if w.Source != nil {
		source.Go(func() { w.Source.follow(ctx, w) })
	}
	files, err := watchFolder(filepath.Dir(w.Path))
	if err != nil {
		w.Log.Warn("the configuration's folder cannot be watched; the file is read again and again", "every", readEvery, "error", err)
		w.poll(ctx)
		return
	}
	defer files.Close()
	w.readFile() // it may have changed since the start
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-files.Errors:
			w.Log.Warn("watching the configuration's folder", "error", err)
			w.readFile() // events may have been lost
		case <-files.Events:
			w.readFile()
		}
	}
}

// watchFolder watches the folder, not the file, as the kubelet, like editors, puts new files in the place of old ones.
func watchFolder(path string) (*fsnotify.Watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := files.Add(path); err != nil {
		return nil, errors.Join(err, files.Close())
	}
	return files, nil
}

func (w *Watcher) poll(ctx context.Context) {
	ticker := time.NewTicker(readEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.readFile()
		}
	}
}

// Details tell which configuration is in use, and why it is not the newest one.
func (w *Watcher) Details() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := []string{"configuration " + w.hash}
	if w.refused != nil {
		lines = append(lines, "configuration refused: "+strings.ReplaceAll(w.refused.Error(), "\n", "\n  "))
	}
	return lines
}

func (w *Watcher) readFile() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.following {
		return
	}
	text, err := os.ReadFile(w.Path)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) { // for a moment, while it is replaced
			w.refuse("file", err)
		}
		return
	}
	w.take("file", text)
}

// follow says whether the ConfigMap is being watched from now on.
func (w *Watcher) follow(following bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.following = following
}

// takeFrom takes a text of the ConfigMap.
func (w *Watcher) takeFrom(source string, text []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.take(source, text)
}

// take checks a text whole and applies it, or refuses it whole. The mutex is held.
func (w *Watcher) take(from string, text []byte) {
	if bytes.Equal(text, w.last) {
		return
	}
	w.last = bytes.Clone(text)
	g, err := Parse(text)
	if err == nil {
		err = w.Apply(g)
	}
	if err != nil {
		w.refuse(from, err)
		return
	}
	w.refused, w.hash = nil, Hash(text)
	w.Noted(w.hash)
	w.Log.Info("configuration replaced", "from", from, "hash", w.hash)
}

// refuse notes why the old configuration stays. The mutex is held.
func (w *Watcher) refuse(from string, err error) {
	w.refused = fmt.Errorf("the new one, from the %s, is wrong: %w", from, err)
	w.Noted("")
	w.Log.Error("configuration refused; the old one stays", "from", from, "error", err)
}
